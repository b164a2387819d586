"""One batch's statistics, and what they are on Gaussian batches of the same size."""
