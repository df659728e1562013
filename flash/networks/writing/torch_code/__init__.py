"""Networks as source code that needs torch alone: ``to_torch_code``.

`source`: the definitions of flash's own parts, as text
`layout`: expressions, laid out as ruff would
`file`: a whole file of definitions and one class
`cells`: families and cell networks; `rows`: tables of layers; those of blocks: `spaces.blocks.code`
"""
