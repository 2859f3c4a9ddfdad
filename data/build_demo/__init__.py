"""Makes the demo campaign's tickets and its two tiny base models, from handwritten digits and fixed seeds."""
