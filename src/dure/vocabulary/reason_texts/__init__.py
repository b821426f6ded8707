"""The English sentence of each reason, one module per decision."""
