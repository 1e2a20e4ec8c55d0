"""Names of changes in `ReadingReport.changes` that several readers count."""

UNANNOTATED = "texts without annotation skipped"
CANCELLED = "cancelled annotations skipped"
PREDICTIONS = "predictions ignored, which are not gold"
RELATIONS = "relations ignored"
NO_TYPE = "spans without a type dropped"
OTHER_TAGS = "other tags of the same words ignored"
