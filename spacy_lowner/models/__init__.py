"""Thinc architectures around `nn/`: shapes, padding, listeners, (de)serialisation."""
