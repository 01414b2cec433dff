"""Sound next to a window: coded audio to samples, samples by their time, and the device that plays them."""
