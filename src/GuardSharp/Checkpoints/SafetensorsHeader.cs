using System.Text;
using System.Text.Json;

namespace GuardSharp.Checkpoints;

/// <summary>One tensor of a header.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Begin">First byte, counted from the end of the header.</param>
/// <param name="End">One past the last byte.</param>
/// <remarks>A class, for lists of it then need no compiling at start.</remarks>
internal sealed record TensorSlice(string Name, TensorType Type, long[] Shape, long Begin, long End);

/// <summary>The header of a safetensors file, fully checked: sizes, bounds, no overlap, no gap, no name twice.</summary>
/// <param name="Tensors">In the order of their data.</param>
/// <param name="Metadata">The text entries of <c>__metadata__</c>.</param>
/// <remarks>
/// File: 8 bytes length (little endian), JSON, data. Format: https://github.com/huggingface/safetensors. Stricter than its reader in three points:
/// an unknown field of a tensor, a name twice, and data not aligned to its numbers are errors.
/// </remarks>
internal sealed record SafetensorsHeader(IReadOnlyList<TensorSlice> Tensors, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Bytes of the length field before the header.</summary>
    public const int PrefixBytes = 8;

    /// <summary>Longest header read, in bytes; the limit of the reference reader.</summary>
    public const long MaxBytes = 100_000_000;

    // Most dimensions of a tensor; networks here use 3.
    private const int MaxRank = 16;

    /// <summary>Reads the length of the header from the first 8 bytes, against the length of the file.</summary>
    /// <exception cref="CheckpointException">The length is not possible.</exception>
    public static int ReadLength(string file, ulong length, long fileBytes)
    {
        if (length > MaxBytes || (long)length > fileBytes - PrefixBytes)
        {
            throw new CheckpointException(
                $"{file}: the header claims {length} bytes, but the file has {fileBytes} and a header at most {MaxBytes}. "
                + "The file is cut off or not a safetensors file; download it again.");
        }

        return (int)length;
    }

    /// <summary>Parses and checks a header.</summary>
    /// <param name="file">The file's name, for messages.</param>
    /// <param name="json">The header, padding blanks included.</param>
    /// <param name="dataBytes">Bytes of the file behind the header.</param>
    /// <exception cref="CheckpointException">Names the file and, where one is at fault, the tensor.</exception>
    public static SafetensorsHeader Parse(string file, ReadOnlySpan<byte> json, long dataBytes)
    {
        try
        {
            var header = new HeaderReader(file).Read(json);
            CheckLayout(file, header.Tensors, PrefixBytes + json.Length, dataBytes);
            return header;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            // InvalidOperationException: a string with an escape that is no character, or a value of another kind than asked for.
            throw new CheckpointException($"{file}: the header is not valid: {exception.Message} Download the file again.", exception);
        }
    }

    private static void CheckLayout(string file, IReadOnlyList<TensorSlice> sorted, long dataStart, long dataBytes)
    {
        var end = 0L;
        foreach (var tensor in sorted)
        {
            var name = $"{file}: tensor \"{Printable.Of(tensor.Name)}\"";
            if (tensor.End > dataBytes)
            {
                throw new CheckpointException(
                    $"{name} ends at byte {tensor.End} of the data, but the file holds {dataBytes}. The file is cut off; download it again.");
            }

            if (tensor.Begin != end)
            {
                throw new CheckpointException($"{name} begins at byte {tensor.Begin} of the data, but the tensor before it ends at {end}: "
                    + $"{(tensor.Begin < end ? "they overlap" : "there is a gap")}. Write the file again.");
            }

            if ((dataStart + tensor.Begin) % tensor.Type.Size() != 0)
            {
                throw new CheckpointException($"{name} lies at byte {dataStart + tensor.Begin} of the file, which is not a multiple of the "
                    + $"{tensor.Type.Size()} bytes of a number. Write the file again with a current safetensors library, which aligns the data.");
            }

            end = tensor.End;
        }

        if (end != dataBytes)
        {
            throw new CheckpointException(
                $"{file}: the tensors end at byte {end} of the data, but the file holds {dataBytes}. The file has foreign bytes at its end; download it again.");
        }
    }

    // Reads the JSON token by token: a document would drop the second of two equal names.
    private sealed class HeaderReader(string file)
    {
        private readonly Dictionary<string, string> _metadata = [];
        private readonly List<TensorSlice> _tensors = [];
        private readonly HashSet<string> _names = [];

        public SafetensorsHeader Read(ReadOnlySpan<byte> json)
        {
            var reader = new Utf8JsonReader(json);
            if (json.IsEmpty || json[0] != '{' || !reader.Read())
            {
                throw new CheckpointException($"{file}: the header does not begin with '{{'. This is not a safetensors file.");
            }

            while (NextName(ref reader) is { } name)
            {
                if (!_names.Add(name))
                {
                    throw new CheckpointException($"{file}: tensor \"{Printable.Of(name)}\" is listed twice. Write the file again.");
                }

                if (name == "__metadata__")
                {
                    ReadMetadata(ref reader);
                }
                else
                {
                    _tensors.Add(ReadTensor(ref reader, name));
                }
            }

            reader.Read();      // Throws when anything but blanks follows.
            _tensors.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
            return new SafetensorsHeader(_tensors, _metadata);
        }

        private static string? NextName(ref Utf8JsonReader reader) =>
            reader.Read() && reader.TokenType == JsonTokenType.PropertyName ? reader.GetString() : null;

        private void ReadMetadata(ref Utf8JsonReader reader)
        {
            Expect(ref reader, JsonTokenType.StartObject, "__metadata__", "an object of texts");
            while (NextName(ref reader) is { } key)
            {
                Expect(ref reader, JsonTokenType.String, "__metadata__", "an object of texts");
                _metadata[key] = reader.GetString()!;
            }
        }

        private TensorSlice ReadTensor(ref Utf8JsonReader reader, string name)
        {
            Expect(ref reader, JsonTokenType.StartObject, name, "an object of dtype, shape and data_offsets");
            TensorType? type = null;
            long[]? shape = null;
            long[]? offsets = null;
            while (NextName(ref reader) is { } key)
            {
                switch (key)
                {
                    case "dtype" when type is null:
                        type = ReadType(ref reader, name);
                        break;
                    case "shape" when shape is null:
                        shape = ReadNumbers(ref reader, name, key, MaxRank);
                        break;
                    case "data_offsets" when offsets is null:
                        offsets = ReadNumbers(ref reader, name, key, 2);
                        break;
                    default:
                        throw Error(name, $"has an unknown or repeated field \"{Printable.Of(key)}\"; dtype, shape and data_offsets are allowed, once each");
                }
            }

            return type is not null && shape is not null && offsets is { Length: 2 }
                ? CheckSize(new TensorSlice(name, type.Value, shape, offsets[0], offsets[1]))
                : throw Error(name, "needs dtype, shape and data_offsets (first and last byte)");
        }

        private TensorType ReadType(ref Utf8JsonReader reader, string name)
        {
            Expect(ref reader, JsonTokenType.String, name, "a dtype");
            var text = reader.GetString()!;
            return TensorTypes.Parse(text) ?? throw Error(name, $"has the dtype \"{Printable.Of(text)}\"; known are {TensorTypes.AllNames}");
        }

        private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string field, int most)
        {
            Expect(ref reader, JsonTokenType.StartArray, name, $"a list for {field}");
            var numbers = new List<long>(4);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0 || numbers.Count == most)
                {
                    throw Error(name, $"has a {field} that is not a list of at most {most} whole numbers from 0 to 2^63 - 1");
                }

                numbers.Add(number);
            }

            return [.. numbers];
        }

        private TensorSlice CheckSize(TensorSlice tensor)
        {
            var bytes = TensorTypes.Bytes(tensor.Type, tensor.Shape);
            return tensor.Begin <= tensor.End && bytes == tensor.End - tensor.Begin
                ? tensor
                : throw Error(tensor.Name, $"is {Printable.Shape(tensor.Shape)} {tensor.Type.FileName()}, which takes {bytes} bytes, "
                    + $"but data_offsets give it bytes {tensor.Begin} to {tensor.End}");
        }

        private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string name, string what)
        {
            if (!reader.Read() || reader.TokenType != type)
            {
                throw Error(name, $"needs {what}");
            }
        }

        private CheckpointException Error(string name, string problem) =>
            new($"{file}: tensor \"{Printable.Of(name)}\" {problem}. Write or download the file again.");
    }
}
