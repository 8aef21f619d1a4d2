namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>One set of instructions that multiplies whole numbers. Lanes are rows of x; a word of weights meets a vector of words.</summary>
/// <typeparam name="TInt">A vector of 32-bit numbers.</typeparam>
/// <typeparam name="TVector">A vector of as many float32.</typeparam>
internal unsafe interface IBlockPath<TInt, TVector>
    where TInt : struct
    where TVector : struct
{
    /// <summary>Name for reports.</summary>
    static abstract string Name { get; }

    /// <summary>Whether processor and runtime settings offer it.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>How it takes activations; Offset is that of the weights' type.</summary>
    static abstract ActivationFormat Activations { get; }

    /// <summary>How it takes weights.</summary>
    static abstract WeightForm Weights { get; }

    /// <summary>Rows of a whole tile: as many as there are registers for two vectors of sums each.</summary>
    static abstract int TileRows { get; }

    static abstract TInt Load(byte* source);

    /// <summary>The same word in every lane.</summary>
    static abstract TInt Spread(byte* word);

    /// <summary>Adds the products of the numbers in each lane's word.</summary>
    static abstract TInt MultiplyAdd(TInt sum, TInt weights, TInt activations);

    /// <summary>The sums of a block as float32.</summary>
    static abstract TVector Finish(TInt sum);
}
