"""PBRC: a language model reasons about the entities of a text before a trained pipe predicts them."""
