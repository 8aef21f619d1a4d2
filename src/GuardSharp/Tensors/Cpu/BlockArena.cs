using System.Numerics;
using System.Runtime.InteropServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Native memory for tensors: blocks in size classes, owned by nested scopes, used again after their scope ends.</summary>
/// <remarks>
/// A header before each block names its class and its scope, so a block is found from the address of its first number and nothing managed is allocated.
/// Scope 0 is the root: its blocks live until the arena is disposed. One thread only.
/// </remarks>
internal sealed unsafe class BlockArena : IDisposable
{
    /// <summary>Bytes before the first number, and readable bytes behind the last: kernels may load a whole vector there.</summary>
    private const int Margin = 64;

    private const int SmallestBits = 8;
    private const int ClassesPerDoubling = 4;
    private const int Classes = (48 - SmallestBits) * ClassesPerDoubling;

    private readonly Header*[] free = new Header*[Classes];
    private Header*[] owned = new Header*[16];
    private long serial;

    /// <summary>Depth of the innermost scope; 0 outside any.</summary>
    public int Depth { get; private set; }

    /// <summary>Blocks that belong to a scope now.</summary>
    public int LiveBlocks { get; private set; }

    /// <summary>Bytes taken from the system, blocks waiting for use included.</summary>
    public long ReservedBytes { get; private set; }

    public int Open()
    {
        if (++Depth == owned.Length)
        {
            var larger = new Header*[owned.Length * 2];
            Array.Copy(owned, larger, owned.Length);
            owned = larger;
        }

        return Depth;
    }

    public void Close(int depth)
    {
        if (depth != Depth)
        {
            throw new InvalidOperationException($"Scope {depth} ends while scope {Depth} is the innermost. Scopes end in reverse order.");
        }

        Release(depth);
        Depth--;
    }

    /// <summary>A block of the innermost scope, aligned to 64 bytes, its content undefined.</summary>
    public void* Allocate(long bytes)
    {
        var sizeClass = ClassOf(bytes);
        var header = free[sizeClass];
        if (header is null)
        {
            var size = SizeOf(sizeClass) + (2 * Margin);
            header = (Header*)NativeMemory.AlignedAlloc((nuint)size, Margin);
            header->SizeClass = sizeClass;
            ReservedBytes += size;
        }
        else
        {
            free[sizeClass] = header->Next;
        }

        Own(header, Depth);
        header->Serial = ++serial;
        LiveBlocks++;
        return (byte*)header + Margin;
    }

    /// <summary>The number of a block, different for every call of <see cref="Allocate"/>: tells tensors apart that had the same address.</summary>
    public static long SerialOf(void* block) => ((Header*)((byte*)block - Margin))->Serial;

    /// <summary>Returns a block of any open scope before its scope ends.</summary>
    public void Free(void* block)
    {
        var header = (Header*)((byte*)block - Margin);
        Disown(header);
        Retire(header);
    }

    /// <summary>Moves a block of the innermost scope to the scope around it. One that is further out already stays there.</summary>
    public void Keep(void* block)
    {
        var header = (Header*)((byte*)block - Margin);
        if (header->Scope == Depth && Depth > 0)
        {
            Disown(header);
            Own(header, Depth - 1);
        }
    }

    public void Dispose()
    {
        for (; Depth >= 0; Depth--)
        {
            Release(Depth);
        }

        Depth = 0;
        for (var i = 0; i < free.Length; i++)
        {
            while (free[i] is not null)
            {
                var header = free[i];
                free[i] = header->Next;
                NativeMemory.AlignedFree(header);
            }
        }

        ReservedBytes = 0;
    }

    private static int ClassOf(long bytes)
    {
        var size = Math.Max(bytes, 1L << SmallestBits) - 1;
        var bits = BitOperations.Log2((ulong)size);
        // The two bits below the highest choose among four sizes per doubling: at most 25 percent are lost.
        var quarter = (int)(size >> (bits - 2)) & 3;
        return ((bits - SmallestBits + 1) * ClassesPerDoubling) + quarter;
    }

    private static long SizeOf(int sizeClass)
    {
        var bits = (sizeClass / ClassesPerDoubling) + SmallestBits - 1;
        return (1L << bits) + ((long)((sizeClass % ClassesPerDoubling) + 1) << (bits - 2));
    }

    private void Release(int depth)
    {
        while (owned[depth] is not null)
        {
            var header = owned[depth];
            owned[depth] = header->Next;
            Retire(header);
        }
    }

    private void Retire(Header* header)
    {
        header->Scope = -1;
        header->Next = free[header->SizeClass];
        free[header->SizeClass] = header;
        LiveBlocks--;
    }

    private void Own(Header* header, int scope)
    {
        header->Scope = scope;
        header->Previous = null;
        header->Next = owned[scope];
        if (header->Next is not null)
        {
            header->Next->Previous = header;
        }

        owned[scope] = header;
    }

    private void Disown(Header* header)
    {
        if (header->Next is not null)
        {
            header->Next->Previous = header->Previous;
        }

        if (header->Previous is not null)
        {
            header->Previous->Next = header->Next;
        }
        else
        {
            owned[header->Scope] = header->Next;
        }
    }

    /// <summary>Bookkeeping before a block: its class, the scope that owns it, and its neighbours in that scope's list.</summary>
    private struct Header
    {
        public Header* Next;
        public Header* Previous;
        public int SizeClass;
        public int Scope;
        public long Serial;
    }
}
