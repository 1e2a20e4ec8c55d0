"""Writers of files for annotation tools: one module per tool, and one table of them (`corpus.exports.table`)."""
