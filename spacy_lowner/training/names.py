"""Names of sources. This module imports nothing, so that commands start fast."""

# The source of this name is the file in the package.
OPEN = "open"
# A source with this suffix is a file, and not a pipeline.
SUFFIX = ".safetensors"
