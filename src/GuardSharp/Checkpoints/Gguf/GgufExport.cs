namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Writes a llama model (Llama Guard 3 8B and 1B) as one GGUF file, for llama.cpp and what is built on it.</summary>
/// <remarks>
/// Memory: some megabytes, whatever the model's size; the source is mapped. Vectors stay F32; matrices whose rows do not divide into blocks
/// become F16, as llama.cpp does it. Rows of q and k are reordered so that the pairs of a rotation lie side by side.
/// </remarks>
/// <param name="checkpoint">The weights: a model folder's or another GGUF file's.</param>
/// <param name="config">Their configuration.</param>
/// <param name="form">How numbers are written.</param>
/// <param name="vocabulary">The tokenizer; null: the file has none and runs on ids alone.</param>
/// <param name="manifest">What guardsharp.json says of the model (threshold, codes, whether its weights are random); the file carries it along.</param>
internal sealed class GgufExport(Checkpoint checkpoint, LlamaConfig config, GgufForm form, GgufVocabulary? vocabulary, GuardManifest? manifest = null)
{
    // Numbers converted and written at a time: 1 Mi, 4 MB in the widest form.
    private const int PieceNumbers = 1 << 20;

    /// <summary>Bytes of the tensors in the file.</summary>
    public long Bytes => Plans().Sum(plan => GgufHeaderWriter.Padded(TensorTypes.Bytes(plan.Type, plan.Entry.Shape))) + RopeBytes;

    private long RopeBytes => OwnDivisors() is { } divisors ? GgufHeaderWriter.Padded(divisors.Length * sizeof(float)) : 0;

    /// <summary>Writes the file; it appears under its name only when it is whole.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <param name="written">Told how many bytes were written since the last call.</param>
    /// <param name="cancellationToken">Stops; nothing remains.</param>
    /// <exception cref="CheckpointException">The model has no such form, or the file cannot be written.</exception>
    public void Write(string path, Action<long> written, CancellationToken cancellationToken)
    {
        if (config.OutputTokens is not null)
        {
            throw new CheckpointException("The model's head is pruned to a few tokens, which a GGUF file cannot say. Export the model it was made from.");
        }

        if (checkpoint.Tensors.FirstOrDefault(Quantization.StoredBlocks.Are) is { } quantised)
        {
            throw new CheckpointException($"{quantised.Description}: the model is quantised already, and would be so twice. Export the model it was made from.");
        }

        var plans = Plans();
        ReplacedFile.Write(path, stream =>
        {
            WriteHeader(stream, plans);
            foreach (var plan in plans)
            {
                WriteTensor(stream, plan, written, cancellationToken);
            }

            if (OwnDivisors() is { } divisors)
            {
                stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(divisors));
                Pad(stream, divisors.Length * sizeof(float));
            }
        });
    }

    private List<TensorOfFile> Plans() =>
        [.. config.Tensors().Select(tensor => checkpoint.Get(tensor.Name)).Select(entry => new TensorOfFile(entry, form.TypeOf(entry, config), HeadsOf(entry.Name)))];

    // Heads whose rows change places; 0: the rows stay. A GGUF source has them in place already.
    private int HeadsOf(string name) =>
        config.RotatesNeighbours ? 0
        : name.EndsWith(".q_proj.weight", StringComparison.Ordinal) ? config.Heads
        : name.EndsWith(".k_proj.weight", StringComparison.Ordinal) ? config.KeyHeads
        : 0;

    // A GGUF source holds its divisors as a tensor.
    private float[]? OwnDivisors()
    {
        if (config.RopeScaling is null)
        {
            return null;
        }

        var plain = RopeFrequencies.Compute(config.RopeTheta, config.HeadSize, null);
        var scaled = RopeFrequencies.Compute(config.RopeTheta, config.HeadSize, config.RopeScaling);
        return [.. plain.Zip(scaled, (one, other) => one / other)];
    }

    private void WriteHeader(Stream stream, List<TensorOfFile> plans)
    {
        using var header = new GgufHeaderWriter();
        GgufMetadata.Add(header, config, form, vocabulary?.FilledTo(config.VocabularySize), manifest);
        foreach (var plan in plans)
        {
            header.AddTensor(GgufNames.InFile(plan.Entry.Name), plan.Type, plan.Entry.Shape);
        }

        if (OwnDivisors() is { } divisors)
        {
            header.AddTensor(GgufNames.RopeFactors, TensorType.F32, [divisors.Length]);
        }

        stream.Write(header.ToArray());
    }

    private static void WriteTensor(Stream stream, TensorOfFile plan, Action<long> written, CancellationToken cancellationToken)
    {
        var columns = (int)plan.Entry.Shape[^1];
        var rows = plan.Entry.Count / columns;
        var rowBytes = (int)TensorTypes.Bytes(plan.Type, [columns]);
        var rowsAtOnce = Math.Max(1, PieceNumbers / columns);
        var bytes = new byte[rowsAtOnce * rowBytes];
        for (var first = 0L; first < rows; first += rowsAtOnce)
        {
            var count = (int)Math.Min(rowsAtOnce, rows - first);
            var start = first;
            Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellationToken }, () => new float[columns], (row, _, values) =>
            {
                plan.Entry.CopyTo(plan.SourceRow(start + row) * columns, values);
                Quantisation.Run(plan.Type, values, bytes.AsSpan(row * rowBytes, rowBytes));
                return values;
            }, _ => { });
            stream.Write(bytes.AsSpan(0, count * rowBytes));
            written((long)count * rowBytes);
        }

        Pad(stream, rows * rowBytes);
    }

    private static void Pad(Stream stream, long bytes) => stream.Write(new byte[GgufHeaderWriter.Padded(bytes) - bytes]);

    private sealed record TensorOfFile(TensorEntry Entry, TensorType Type, int Heads)
    {
        // Row i of the first half of a head and row i of the second lie side by side.
        public long SourceRow(long row)
        {
            if (Heads == 0)
            {
                return row;
            }

            var headSize = Entry.Shape[0] / Heads;
            var (head, place) = Math.DivRem(row, headSize);
            return (head * headSize) + (place % 2 * (headSize / 2)) + (place / 2);
        }
    }
}
