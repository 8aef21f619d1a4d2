using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Sums of the weights of an output, which a zero point of the activations is multiplied with.</summary>
internal sealed unsafe class BlockRowSums(Kernels kernels)
{
    private const int Piece = 16;

    /// <summary>The sum of a row of a weight. Safe from any thread.</summary>
    [SkipLocalsInit]
    public float Of(BlockWeight weight, int row)
    {
        var numbers = stackalloc sbyte[Piece * BlockWeight.BlockSize];
        var scales = stackalloc float[Piece];
        var sum = 0f;
        for (var first = 0; first < weight.Blocks; first += Piece)
        {
            var count = Math.Min(Piece, weight.Blocks - first);
            Stored.Write(weight, row, first, count, WeightForm.Signed, (byte*)numbers);
            Stored.WriteScales(kernels, weight, row, first, count, scales);
            for (var block = 0; block < count; block++)
            {
                var whole = 0;
                for (var i = 0; i < BlockWeight.BlockSize; i++)
                {
                    whole += numbers[(block * BlockWeight.BlockSize) + i];
                }

                sum += scales[block] * whole;
            }
        }

        return sum;
    }
}
