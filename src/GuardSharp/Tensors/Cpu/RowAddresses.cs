using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Addresses of the rows behind the lanes of a panel, on the stack.</summary>
internal unsafe ref struct RowAddresses
{
    /// <summary>Lanes of the widest panel: two vectors of 16.</summary>
    public const int Most = 32;

    private Buffer addresses;
    private readonly int count;

    /// <summary>Neighbouring rows of a matrix.</summary>
    /// <param name="matrix">Its first number.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">Number of rows, at most 32.</param>
    /// <param name="columns">Numbers between the beginnings of two rows.</param>
    public RowAddresses(float* matrix, int first, int count, int columns)
    {
        this.count = count;
        for (var r = 0; r < count; r++)
        {
            addresses[r] = (nint)(matrix + (((long)first + r) * columns));
        }
    }

    /// <summary>Rows of (query, head) pairs: <paramref name="group"/> neighbouring heads of a query, then those of the next query.</summary>
    /// <param name="matrix">The first head of the first query.</param>
    /// <param name="first">The first pair.</param>
    /// <param name="count">Number of pairs, at most 32.</param>
    /// <param name="group">Heads per query.</param>
    /// <param name="columns">Numbers between two queries.</param>
    /// <param name="headSize">Numbers between two heads.</param>
    public RowAddresses(float* matrix, int first, int count, int group, int columns, int headSize)
    {
        this.count = count;
        for (var r = 0; r < count; r++)
        {
            var (query, head) = Math.DivRem(first + r, group);
            addresses[r] = (nint)(matrix + ((long)query * columns) + (head * headSize));
        }
    }

    [UnscopedRef]
    public ReadOnlySpan<nint> Span => ((ReadOnlySpan<nint>)addresses)[..count];

    [InlineArray(Most)]
    private struct Buffer
    {
        private nint first;
    }
}
