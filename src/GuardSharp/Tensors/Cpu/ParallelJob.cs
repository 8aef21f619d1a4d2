namespace GuardSharp.Tensors.Cpu;

/// <summary>Work that falls into independent items. One object is used again and again: its fields are set before each run.</summary>
internal abstract class ParallelJob
{
    /// <summary>Does one item.</summary>
    /// <param name="item">Which item, from 0.</param>
    /// <param name="worker">Who does it, below <see cref="WorkerPool.Threads"/>: selects scratch memory.</param>
    public abstract void Run(int item, int worker);
}
