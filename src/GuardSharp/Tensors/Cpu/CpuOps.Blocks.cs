using GuardSharp.Tensors.Cpu.Blocks;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Linear layers with quantised weights.</summary>
internal sealed unsafe partial class CpuOps
{
    /// <summary>Up to so many rows, dot products with the weights as they lie are faster than panels (measured, docs/performance.md).</summary>
    private const int FewBlockRows = 6;

    private readonly BlockKernels?[] blockKernels = new BlockKernels?[Enum.GetValues<BlockType>().Length];
    private readonly BlockPackJob blockPack = new();
    private readonly BlockRowSums rowSums;
    private readonly BlockPanelJob blockPanels;
    private readonly BlockDotJob blockDots;

    /// <summary>The kernels for a type of quantised weights, chosen and checked at the first use.</summary>
    public BlockKernels KernelsFor(BlockType type) => blockKernels[(int)type] ??= BlockKernels.ForThisMachine(kernels, type);

    private void Product(Tensor x, BlockWeight weight, float* bias, Tensor result)
    {
        var chosen = KernelsFor(weight.Type);
        var parallel = (long)x.Rows * x.Columns * weight.Rows >= SmallProduct;
        if (x.Rows <= FewBlockRows)
        {
            var memory = (byte*)arena.Allocate(blockDots.Set(x, weight, chosen.Dot, bias, result, pool.Threads));
            blockDots.Quantise(x, memory);
            pool.Run(blockDots, blockDots.Items, parallel);
            arena.Free(memory);
            return;
        }

        Pack(x, weight, chosen.Tile);
        var scratch = (byte*)arena.Allocate(blockPanels.Set(weight, chosen.Tile, bias, result, pool.Threads));
        blockPanels.SetScratch(scratch);
        pool.Run(blockPanels, blockPanels.Items, parallel);
        arena.Free(scratch);
    }

    private void Pack(Tensor x, BlockWeight weight, BlockTileKernel kernel)
    {
        var (resultBytes, scratchBytes) = blockPack.Set(x, weight, kernel, pool.Threads);
        var key = new PackKey(x.Data, BlockArena.SerialOf((void*)x.Data), x.Rows, x.Columns, kernel, weight.Activations);
        if (packing.Holds(key))
        {
            blockPack.SetMemory(packing.Memory, null);
            return;
        }

        var words = (byte*)arena.Allocate(scratchBytes);
        blockPack.SetMemory(packing.Reserve(resultBytes), words);
        pool.Run(blockPack, blockPack.Panels, x.Length >= SmallWork);
        packing.Complete(key);
        arena.Free(words);
    }
}
