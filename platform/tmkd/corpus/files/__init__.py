"""The user's own sources: TSV, CSV, JSONL and Parquet files, and data sets of the Hugging Face hub."""
