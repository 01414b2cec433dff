"""The network, its weights and the engines that run it. Knows nothing of HTTP or of the programs."""
