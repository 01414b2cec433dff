"""`neudash report`: what the models of a bundle gain and cost, measured and shown."""
