"""Files and names in, validated inputs out."""
