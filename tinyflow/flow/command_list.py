"""What can be typed: the commands, what each takes, and the groups of tasks. All other lists of them follow from this.

Each command is a module in `commands`, which has its name. Imports nothing, for completion reads it at every press of
Tab; pyproject.toml repeats PLUGINS, since plain `doit` reads them there.
"""

NOTHING, TASKS, NAMES, BENCHES, RECIPES, ARCHIVES = range(6)
MODELS, TARGETS, BACKENDS, FEATURES, SUITES = ("models", "targets", "backends", "features", "suites")
"""What a command takes; NAMES are those of benches and suites, with and without `bench:`, BENCHES only without.

Those that are words are names of recipes, in the folder that is called so.
"""

# A tuple is what the first word may be.
COMMANDS = {
    "run": TASKS,
    "list": TASKS,
    "help": NOTHING,
    "plan": NAMES,
    "explain": NAMES,
    "models": MODELS,
    "targets": TARGETS,
    "backends": BACKENDS,
    "features": FEATURES,
    "suites": SUITES,
    "boards": TARGETS,
    "cluster": NOTHING,
    "check": MODELS,
    "fit": MODELS,
    "sweep": NAMES,
    "fetch": MODELS,
    "doctor": NOTHING,
    "cache": ("gc", "stats", "uses", "verify"),
    "verify": NAMES,
    "import": ARCHIVES,
    "compare": BENCHES,
    "baseline": ("check", "save"),
    "history": BENCHES,
    "watch": NAMES,
    "bisect-layer": NAMES,
    "bisect-commit": BENCHES,
    "debug": NAMES,
    "graph": NAMES,
    "tabcompletion": TASKS,
    "results": NOTHING,
    "tuning": TASKS,
    "cycles": ("add",),
    "init": NOTHING,
    "schema": RECIPES,
}
GROUPS = (
    "bench",
    "suite",
    "report",
    "shrink",
    "quantise",
    "export-onnx",
    "profile",
    "trace",
    "layers",
    "pareto",
    "plot",
    "accuracy",
    "export",
    "firmware",
)
# of these the names are models
MODEL_GROUPS = ("shrink", "quantise", "export-onnx")

# doit's own that mean nothing here, and what to do instead
UNSUPPORTED = {
    "clean": "the folder build/ may be deleted at any time; `{bin} cache gc --keep 1GiB` makes room in the cache",
    "forget": "what changed is seen by its content; `{bin} verify BENCH` rebuilds from nothing and compares",
    "ignore": "`exclude` in a suite's recipe leaves benches out",
    "info": "`{bin} explain BENCH` tells what its actions depend on, `{bin} graph BENCH` draws them",
    "dumpdb": "`{bin} explain BENCH` tells what is on record",
    "reset-dep": "`{bin} plan BENCH` tells what would run and why",
    "strace": "`{bin} explain BENCH` tells every input of its actions",
}


def class_name(command: str) -> str:
    """`BisectLayer` of `bisect-layer`."""
    return command.title().replace("-", "")


def _module(command: str) -> str:
    name = "import_" if command == "import" else command.replace("-", "_")
    return f"tinyflow.flow.commands.{name}"


# In the form of doit's configuration; imported when used.
PLUGINS = {
    "COMMAND": {
        **{name: f"{_module(name)}:{class_name(name)}" for name in COMMANDS},
        **{name: f"tinyflow.flow.commands.unsupported:{class_name(name)}" for name in UNSUPPORTED},
    },
    "BACKEND": {"memory": "tinyflow.flow.session.null_database:MemoryDB"},
}
