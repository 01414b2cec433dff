"""From a fetched segment to pictures of the output's size: decoded, enhanced or enlarged plainly."""
