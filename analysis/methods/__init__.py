"""What normalisers make of a batch and where regularisers move it."""
