namespace GuardSharp.Tensors.Cpu;

/// <summary>The inner loops for one vector width. Lengths are counts of numbers; "flat" loops work in whole vectors and touch up to 60 bytes behind the end.</summary>
internal abstract unsafe class Kernels
{
    /// <summary>The score of a hidden key. Finite, so that differences of two of them are numbers.</summary>
    public const float NoKey = -1e30f;

    /// <summary>Numbers in a vector.</summary>
    public abstract int Lanes { get; }

    /// <summary>Rows of a whole tile.</summary>
    public abstract int TileRows { get; }

    /// <summary>Runs what every verdict needs once, on a few numbers: compiling it takes about 30 ms, which a worker spends while the checkpoint is opened.</summary>
    public void Prepare()
    {
        const int length = 64;
        var memory = stackalloc float[RowAddresses.Most * length];
        new Span<float>(memory, RowAddresses.Most * length).Clear();
        var rows = new RowAddresses(memory, 0, 4, length);
        Widen((byte*)memory, WeightType.BF16, memory, length);
        RmsNorm(memory, memory, memory, length, 1);
        Transposition.Pack(rows.Span, 4, memory, 2 * Lanes);
        for (var vectors = 2; vectors > 0; vectors--)
        {
            Tile(new TileFactors(memory, 1, 1), memory, 1, 1, memory, TileRows, vectors, true);
            Tile(new TileFactors(memory, 1, 1), memory, 1, 1, memory, 4, vectors, true);
        }

        Transposition.Unpack(memory, 2 * Lanes, 4, null, rows.Span);
        Mask(memory, 1, 1, 0, memory, memory);
        Softmax(memory, 1, 1, 1, memory, memory, memory, 1);
        Elementwise(Element.SwiGlu, memory, memory, memory, Lanes);
        Elementwise(Element.Add, memory, memory, memory, Lanes);
        Elementwise(Element.Multiply, memory, memory, memory, Lanes);
        Dots(memory, 1, (byte*)memory, WeightType.BF16, 1, Lanes, memory, 1);
        Dots(memory, 1, (byte*)memory, WeightType.F32, 1, Lanes, memory, 1);
    }

    /// <summary>An operation on one or two arrays, flat; <paramref name="b"/> may be null for operations on one.</summary>
    public abstract void Elementwise(Element operation, float* a, float* b, float* y, long length);

    /// <summary>y = x * factor.</summary>
    public abstract void Scale(float* x, float factor, float* y, int length);

    /// <summary>y += x * factor, flat.</summary>
    public abstract void AddScaled(float* x, float factor, float* y, long length);

    /// <summary>y = x / sqrt(mean(x²) + epsilon) * weight; weight may be null.</summary>
    public abstract void RmsNorm(float* x, float* weight, float* y, int length, float epsilon);

    /// <summary>y = (x - mean) / sqrt(variance + epsilon) * weight + bias.</summary>
    public abstract void LayerNorm(float* x, float* weight, float* bias, float* y, int length, float epsilon);

    /// <summary>Reads stored numbers, aligned to their own size only, as float32.</summary>
    public abstract void Widen(byte* source, WeightType type, float* destination, int length);

    /// <summary>Reads rows that are kept, <paramref name="length"/> numbers of each from <paramref name="first"/> on, as float32 [count, length].</summary>
    public abstract void Widen(in KeptRows rows, int first, int count, int length, float* destination);

    /// <summary>Writes half precision: to the nearest, beyond 65504 that. Returns whether all numbers were finite.</summary>
    public abstract bool NarrowToHalf(float* x, ushort* y, int length);

    /// <summary>Writes whole numbers from -127 to 127. Returns what one stands for: the largest magnitude / 127; NaN where any number is not finite.</summary>
    public abstract float NarrowToInt8(float* x, sbyte* y, int length);

    /// <summary>y[r, o] = x[r] · w[o]: x [rows, inputs] with rows 1 or 4, w [outputs, inputs], rows of y <paramref name="yPitch"/> apart.</summary>
    public abstract void Dots(float* x, int rows, byte* w, WeightType type, int outputs, int inputs, float* y, nint yPitch);

    /// <summary>tile[r, lane] (+)= sum over i of the factors of row r times panel[i * panelStep + lane]; the tile is [rows, vectors * Lanes].</summary>
    /// <remarks>Rows are rounded up to 4, 6, 8 or 12: the factors of the rows between must be readable, and the tile must have room for them.</remarks>
    public abstract void Tile(in TileFactors factors, float* panel, nint panelStep, int count, float* tile, int rows, int vectors, bool accumulate);

    /// <summary>Hides the scores [keys, vectors * Lanes] of keys outside the positions that a lane's query sees.</summary>
    public abstract void Mask(float* scores, int keys, int vectors, float firstKey, float* lowest, float* highest);

    /// <summary>A step of the online softmax (arXiv:1805.02867): scores become shares relative to the highest score so far; total and output shrink with it.</summary>
    public abstract void Softmax(float* scores, int keys, int vectors, float scale, float* highest, float* total, float* output, int outputRows);
}

/// <summary>Operations on single numbers.</summary>
internal enum Element
{
    Add,
    Multiply,
    Silu,
    Gelu,
    Sigmoid,
    SwiGlu,
}
