"""A GPU that is not there: tensors on "cuda" know their device, and everything that mixes them with
tensors on the CPU fails as it would there. For tests and tools on machines without one.

    with pretended_gpu() as gpu:
        model.to("cuda")(image.to("cuda")).cpu()
    gpu.tally.waits      # where the host waited for the device, by place in our code
    gpu.tally.launches   # kernels; .flops: operations of products; .peak: bytes of tensors

A tensor on the GPU is one of PyTorch's fake tensors, whose rules about devices, types and shapes
are PyTorch's own; with `values` it carries a real one on the CPU, on which everything is computed
as well, so results can be compared. Tensors on the CPU are real always.
"""
