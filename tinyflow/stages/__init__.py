"""One module per stage: functions from input paths and parameters to output paths. They never see the graph."""
