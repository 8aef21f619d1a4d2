namespace GuardSharp.Checkpoints;

/// <summary>Random bfloat16 weights, as fast as a disk takes them: about a nanosecond each.</summary>
/// <remarks>
/// Draws from a table of 65,536 normally distributed numbers of standard deviation 0.02 (initializer_range of the published configurations).
/// The numbers of a tensor depend on the seed and its name alone, not on shards or other tensors. Not for cryptography.
/// </remarks>
internal sealed class WeightNoise(int seed)
{
    private const float Deviation = 0.02f;
    private const int TableSize = 1 << 16;

    private readonly ushort[] _table = MakeTable();

    /// <summary>The numbers of a tensor, block by block.</summary>
    /// <param name="name">The tensor.</param>
    public Stream Of(string name) => new(_table, Mix(Hash(name) ^ Mix((ulong)seed)));

    // FNV-1a: string hashes of .NET differ from run to run.
    private static ulong Hash(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var letter in text)
        {
            hash = (hash ^ letter) * 1099511628211UL;
        }

        return hash;
    }

    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }

    // Box and Muller 1958.
    private static ushort[] MakeTable()
    {
        var table = new ushort[TableSize];
        for (var i = 0; i < TableSize; i++)
        {
            var (first, second) = (Unit((2 * i) + 1), Unit((2 * i) + 2));
            var normal = Math.Sqrt(-2 * Math.Log(first)) * Math.Cos(2 * Math.PI * second);
            table[i] = ToBFloat16((float)normal * Deviation);
        }

        return table;
    }

    // In (0, 1).
    private static double Unit(int index) => ((Mix((ulong)index * 0x9E3779B97F4A7C15UL) >> 11) + 0.5) / (1UL << 53);

    /// <summary>The nearest bfloat16 of a finite number, ties to even.</summary>
    internal static ushort ToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The numbers of one tensor, in order.</summary>
    internal sealed class Stream(ushort[] table, ulong state)
    {
        private ulong _state = state;

        /// <summary>Writes the next numbers; all blocks but the last need a multiple of four.</summary>
        public void Fill(Span<ushort> numbers)
        {
            for (var i = 0; i < numbers.Length; i += 4)
            {
                _state += 0x9E3779B97F4A7C15UL;
                var bits = Mix(_state);
                for (var part = 0; part < Math.Min(4, numbers.Length - i); part++)
                {
                    numbers[i + part] = table[(ushort)bits];
                    bits >>= 16;
                }
            }
        }
    }
}
