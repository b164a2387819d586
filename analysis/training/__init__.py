"""Training: small networks that learn side by side, each with another method, watched by a recorder each."""
