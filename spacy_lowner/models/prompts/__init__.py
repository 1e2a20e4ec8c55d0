"""Prompts with soft tokens: templates, packing, and the way from Docs to rows of word pieces."""
