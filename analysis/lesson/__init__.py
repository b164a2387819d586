"""What the lesson's questions are answered from: one file a step, of numbers only."""
