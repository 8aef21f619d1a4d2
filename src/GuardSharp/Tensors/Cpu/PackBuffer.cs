using System.Runtime.InteropServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>What a packing was made of. Tensors never change, so equal keys mean equal packings.</summary>
/// <param name="Data">Address of the tensor.</param>
/// <param name="Serial">Serial number of its block: another tensor at the same address has another.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Columns">Its columns.</param>
/// <param name="Kernel">The kernel it was packed for.</param>
/// <param name="Rounding">How it was rounded; null: it was not.</param>
internal readonly record struct PackKey(nint Data, long Serial, int Rows, int Columns, object Kernel, ActivationRounding? Rounding = null);

/// <summary>The packing made last, kept because the next product often has the same factor (queries, keys and values; gate and up).</summary>
internal sealed unsafe class PackBuffer : IDisposable
{
    private const nuint Alignment = 64;

    private byte* memory;
    private long capacity;
    private PackKey? key;

    /// <summary>Bytes held.</summary>
    public long Capacity => capacity;

    /// <summary>The memory of the packing made last.</summary>
    public byte* Memory => memory;

    /// <summary>Whether it holds this packing.</summary>
    public bool Holds(in PackKey wanted) => key == wanted;

    /// <summary>Makes room for another packing.</summary>
    public byte* Reserve(long bytes)
    {
        key = null;
        if (bytes > capacity)
        {
            NativeMemory.AlignedFree(memory);
            memory = null;
            capacity = 0;
            memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            capacity = bytes;
        }

        return memory;
    }

    /// <summary>Says that the packing is complete.</summary>
    public void Complete(in PackKey made) => key = made;

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(memory);
        memory = null;
        capacity = 0;
        key = null;
    }
}
