"""All layers of a model in order, and where their operands lie in memory."""
