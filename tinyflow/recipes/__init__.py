"""Recipes: YAML files to typed, validated data; bench names; suite matrices. Runs nothing and knows no stage."""
