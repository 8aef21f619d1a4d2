namespace GuardSharp.Tensors;

/// <summary>A float32 matrix [Rows, Columns], row-major, owned by the <see cref="ITensorOps"/> that made it. Only a handle: copying it copies no data.</summary>
/// <remarks>Valid until the scope it was made in ends; <see cref="ITensorOps.Keep"/> moves it to the enclosing scope.</remarks>
/// <param name="Rows">Number of rows: the tokens (or patches) of all sequences laid end to end, without padding.</param>
/// <param name="Columns">Number of columns.</param>
/// <param name="Data">CPU backend: address of the first element. Other backends: zero.</param>
/// <param name="Native">Backends that hold objects (Torch): the object. CPU: null.</param>
internal readonly record struct Tensor(int Rows, int Columns, nint Data, object? Native = null)
{
    /// <summary>Number of elements.</summary>
    public long Length => (long)Rows * Columns;
}

/// <summary>Cosines and sines of the rotation of every row, one column per rotated pair: both [Rows, headSize / 2].</summary>
/// <param name="Cosines">cos(angle).</param>
/// <param name="Sines">sin(angle).</param>
/// <param name="Interleaved">True: pairs are columns (2i, 2i+1) (Llama 4). False: (i, i + headSize / 2) (Llama 3).</param>
internal readonly record struct Rotation(Tensor Cosines, Tensor Sines, bool Interleaved);
