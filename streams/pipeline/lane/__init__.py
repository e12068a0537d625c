"""Lane: the quick way of plain batches through all steps of a plain pipeline, in C.

``build`` says which pipelines are plain, and tells the extension what they do; ``walk`` takes a batch through, and
gives what is not plain to ``streams.pipeline.process``, in its place. Both ways lead to the same bytes, states and
outcomes.
"""
