"""The scripts need torch and transformers, which the tests do without."""

collect_ignore = ["make_counts.py", "make_more_counts.py", "make_family_counts.py", "make_training_counts.py"]
