namespace GuardSharp.Checkpoints.Gguf;

/// <summary>A GGUF file, mapped into memory read-only. Opening reads the header alone; the data comes in as it is touched.</summary>
/// <remarks>Safe from any thread until disposed. Tensors have the names of the published safetensors files (<see cref="GgufNames"/>).</remarks>
internal sealed unsafe class GgufFile : IWeightsFile
{
    private readonly MappedFile _file;
    private readonly GgufHeader _header;

    private GgufFile(MappedFile file)
    {
        _file = file;
        // Texts of a tokenizer of 200,000 tokens are about 10 MB.
        _header = GgufHeader.Parse(FileName, HeaderBytes, file.Bytes);
        Tensors =
        [
            .. _header.Tensors.Select(tensor => new TensorEntry(
                GgufNames.Published(tensor.Name), tensor.Type, tensor.Shape, (nint)(file.Start + DataStart + tensor.Offset), tensor.Bytes, FileName)),
        ];
        var names = new HashSet<string>();
        foreach (var tensor in Tensors)
        {
            if (!names.Add(tensor.Name))
            {
                throw new CheckpointException($"{FileName}: tensor \"{Printable.Of(tensor.Name)}\" stands twice. The file is damaged.");
            }
        }
    }

    /// <inheritdoc/>
    public string FileName => _file.FileName;

    /// <inheritdoc/>
    public long Bytes => _file.Bytes;

    /// <inheritdoc/>
    public long DataStart => _header.DataStart;

    /// <inheritdoc/>
    public IReadOnlyCollection<TensorEntry> Tensors { get; }

    /// <inheritdoc/>
    /// <remarks>None: GGUF's own keys are read by <see cref="Text"/> and its kin.</remarks>
    public IReadOnlyDictionary<string, string> Metadata => System.Collections.ObjectModel.ReadOnlyDictionary<string, string>.Empty;

    private ReadOnlySpan<byte> HeaderBytes => _file.Slice(0, (int)Math.Min(_file.Bytes, int.MaxValue));

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file is missing, unreadable, damaged, or one part of several.</exception>
    public static GgufFile Open(string path)
    {
        var map = MappedFile.Open(path, "GGUF", GgufHeader.LeastBytes);
        try
        {
            var file = new GgufFile(map);
            if (file.Integer("split.count", 0, 1 << 16) > 1)
            {
                throw new CheckpointException($"{file.FileName}: one part of several. Join them into one file with llama.cpp's llama-gguf-split --merge.");
            }

            return file;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <summary>The GGUF file of a model: the path itself, or the one file of a folder that holds no other weights; null: it is no GGUF model.</summary>
    /// <exception cref="CheckpointException">The folder holds several.</exception>
    public static string? Find(string path)
    {
        if (File.Exists(path))
        {
            return path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? path : null;
        }

        if (!Directory.Exists(path) || File.Exists(Path.Combine(path, Checkpoint.SingleFileName)) || File.Exists(Path.Combine(path, ShardIndex.FileName)))
        {
            return null;
        }

        var files = Directory.GetFiles(path, "*.gguf");
        return files.Length <= 1 ? files.FirstOrDefault() : throw new CheckpointException(
            $"\"{Printable.Of(path)}\" holds {files.Length} GGUF files. Name the file that is meant.");
    }

    /// <summary>Whether the metadata has a key.</summary>
    public bool Has(string key) => _header.Metadata.ContainsKey(key);

    /// <summary>A whole number; null when the key is absent.</summary>
    /// <exception cref="CheckpointException">It is no whole number in the range.</exception>
    public int? Integer(string key, int least, int most)
    {
        if (!_header.Metadata.TryGetValue(key, out var value))
        {
            return null;
        }

        return !value.IsList && GgufValue.Integer(value.Type, HeaderBytes[value.Start..]) is { } number && number >= least && number <= most
            ? (int)number
            : throw Wrong(key, $"must be a whole number from {least} to {most}");
    }

    /// <summary>A number; null when the key is absent.</summary>
    /// <exception cref="CheckpointException">It is no number in the range.</exception>
    public double? Number(string key, double least, double most)
    {
        if (!_header.Metadata.TryGetValue(key, out var value))
        {
            return null;
        }

        return !value.IsList && GgufValue.Number(value.Type, HeaderBytes[value.Start..]) is { } number && number >= least && number <= most
            ? number
            : throw Wrong(key, $"must be a number from {least} to {most}");
    }

    /// <summary>A text; null when the key is absent.</summary>
    /// <exception cref="CheckpointException">It is no text.</exception>
    public string? Text(string key)
    {
        if (!_header.Metadata.TryGetValue(key, out var value))
        {
            return null;
        }

        return !value.IsList && value.Type == GgufValueType.Text
            ? GgufValue.Text(new GgufCursor(FileName, HeaderBytes[value.Start..]).Text())
            : throw Wrong(key, "must be a text");
    }

    /// <summary>A list of texts as UTF-8; null when the key is absent.</summary>
    /// <exception cref="CheckpointException">It is no list of texts.</exception>
    public IReadOnlyList<ReadOnlyMemory<byte>>? Texts(string key)
    {
        if (!_header.Metadata.TryGetValue(key, out var value))
        {
            return null;
        }

        if (!value.IsList || value.Type != GgufValueType.Text)
        {
            throw Wrong(key, "must be a list of texts");
        }

        // One copy of the whole list: its entries outlive the file.
        var walk = new GgufCursor(FileName, HeaderBytes[value.Start..]);
        walk.SkipValues(key, value.Type, value.Count);
        var copy = HeaderBytes.Slice(value.Start, walk.Position).ToArray();
        var texts = new ReadOnlyMemory<byte>[value.Count];
        var cursor = new GgufCursor(FileName, copy);
        for (var i = 0; i < texts.Length; i++)
        {
            var length = cursor.Text().Length;
            texts[i] = copy.AsMemory(cursor.Position - length, length);
        }

        return texts;
    }

    /// <summary>A list of whole numbers; null when the key is absent.</summary>
    /// <exception cref="CheckpointException">It is no such list.</exception>
    public long[]? Integers(string key)
    {
        if (!_header.Metadata.TryGetValue(key, out var value))
        {
            return null;
        }

        if (!value.IsList)
        {
            throw Wrong(key, "must be a list of whole numbers");
        }

        var numbers = new long[value.Count];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = GgufValue.Integer(value.Type, HeaderBytes[(value.Start + (i * GgufValue.Size(value.Type)))..]) ?? throw Wrong(key, "must be a list of whole numbers");
        }

        return numbers;
    }

    /// <summary>A metadata key that is not as it must be.</summary>
    public CheckpointException Wrong(string key, string what) => new($"{FileName}: \"{Printable.Of(key)}\" {what}. Was the file converted from another kind of model?");

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Slice(long offset, int count) => _file.Slice(offset, count);

    /// <summary>Unmaps the file. Addresses of its tensors must not be used any more.</summary>
    public void Dispose() => _file.Dispose();
}
