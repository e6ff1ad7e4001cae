"""Families of models as data: one row a family (``model_type``), one file a kind of family.

A row says which fields the file spells, what the class of that family takes where the file leaves one out, and which
parts the class builds. To add a family of a known kind, add one row to the file of its kind; a new kind is a new file
and its name in `huggingface.FAMILIES`.

Rows were read from the configuration and modelling code of Hugging Face transformers 5.23.0
(https://github.com/huggingface/transformers), or of the code that a model comes with where transformers has no class
for it (qwen, phi3small, phi-msft, minicpm, RefinedWeb). Every row but phi3small is compared with a trace of its class,
or of one that builds the same (tests/golden, tests/readers). Nothing is guessed from ratios or from a model's name:
the file must give what the shape needs, and a field that contradicts another is refused. What a class does and an
`Architecture` cannot say goes into the row's remark, and from there into the note.
"""
