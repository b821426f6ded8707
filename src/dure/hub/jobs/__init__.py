"""Jobs of the projects' members: handed in here, carried out by the sites' agents."""
