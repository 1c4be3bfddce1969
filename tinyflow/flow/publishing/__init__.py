"""What people and programs read afterwards: views of benches, reports and pages, revisions, comparisons."""
