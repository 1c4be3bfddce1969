"""The commands that doit gets from us, one per module; each refuses in one line and knows its exit status."""

_HERE = __name__
# In the form of doit's configuration; imported when used. pyproject.toml says the same, and a test holds them equal.
PLUGINS = {
    "COMMAND": {
        "run": f"{_HERE}.run:Run",
        "list": f"{_HERE}.list:List",
        "help": f"{_HERE}.help:Help",
        "plan": f"{_HERE}.plan:Plan",
        "explain": f"{_HERE}.explain:Explain",
        "models": f"{_HERE}.models:Models",
        "fetch": f"{_HERE}.fetch:Fetch",
        "doctor": f"{_HERE}.doctor:Doctor",
        "cache": f"{_HERE}.cache:Cache",
        "verify": f"{_HERE}.verify:Verify",
        "import": f"{_HERE}.import_:Import",
        "compare": f"{_HERE}.compare:Compare",
        "baseline": f"{_HERE}.baseline:Baseline",
        "history": f"{_HERE}.history:History",
        "watch": f"{_HERE}.watch:Watch",
        "bisect-layer": f"{_HERE}.bisect_layer:BisectLayer",
        "graph": f"{_HERE}.graph:Graph",
        "tabcompletion": f"{_HERE}.tabcompletion:TabCompletion",
        "results": f"{_HERE}.results:Results",
        "tuning": f"{_HERE}.tuning:Tuning",
        "init": f"{_HERE}.init:Init",
        "schema": f"{_HERE}.schema:Schema",
        "clean": f"{_HERE}.unsupported:Clean",
        "forget": f"{_HERE}.unsupported:Forget",
        "ignore": f"{_HERE}.unsupported:Ignore",
        "info": f"{_HERE}.unsupported:Info",
        "dumpdb": f"{_HERE}.unsupported:DumpDB",
        "reset-dep": f"{_HERE}.unsupported:ResetDep",
        "strace": f"{_HERE}.unsupported:Strace",
    },
    "BACKEND": {"memory": "tinyflow.flow.session.null_database:MemoryDB"},
}
