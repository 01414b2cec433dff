"""Networks to try, the judging of models, and the choice of those that are published."""
