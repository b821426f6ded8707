"""What-if studies: the twin plays a scenario under several policies, and the operator compares."""
