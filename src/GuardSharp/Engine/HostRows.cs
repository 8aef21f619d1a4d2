using System.Runtime.InteropServices;

namespace GuardSharp.Engine;

/// <summary>Rows of numbers in memory of the process, freed when disposed: tensors live no longer than a scope.</summary>
internal sealed unsafe class HostRows : IDisposable
{
    private float* _numbers;

    /// <param name="rows">Rows.</param>
    /// <param name="columns">Numbers of a row.</param>
    public HostRows(int rows, int columns)
    {
        (Rows, Columns) = (rows, columns);
        _numbers = (float*)NativeMemory.Alloc((nuint)Math.Max(1, Bytes));
    }

    /// <summary>Rows whose owner forgot them give their memory back all the same.</summary>
    ~HostRows() => NativeMemory.Free(_numbers);

    public int Rows { get; }

    public int Columns { get; }

    public long Bytes => (long)Rows * Columns * sizeof(float);

    /// <summary>The numbers of neighbouring rows.</summary>
    public Span<float> Span(int first, int count)
    {
        ObjectDisposedException.ThrowIf(_numbers is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Rows - first);
        return new Span<float>(_numbers + ((long)first * Columns), count * Columns);
    }

    public void Dispose()
    {
        NativeMemory.Free(_numbers);
        _numbers = null;
        GC.SuppressFinalize(this);
    }
}
