using System.Buffers;
using System.Buffers.Text;

namespace GuardSharp.Tokenization;

/// <summary>Reads tiktoken's <c>tokenizer.model</c>: a line for each token, its bytes in base64, a blank, its rank.</summary>
internal static class TiktokenReader
{
    /// <summary>Reads a Llama 3 or Llama 4 file; the number of ranks tells which.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="content">The whole file.</param>
    /// <exception cref="CheckpointException">A damaged line, a duplicate, a gap, or another number of ranks.</exception>
    public static BpeTokenizer Read(string file, ReadOnlySpan<byte> content)
    {
        var tokens = ReadTokens(file, content);
        return tokens.Limit switch
        {
            SpecialTokens.Llama3Ordinary => new BpeTokenizer(tokens, null, SpecialTokens.Llama3(), Rules(new Llama3Splitter())),
            SpecialTokens.Llama4Ordinary => new BpeTokenizer(tokens, null, SpecialTokens.Llama4(), Rules(new Llama4Splitter())),
            var count => throw new CheckpointException(
                $"{file}: holds {count} tokens, but Llama 3 has {SpecialTokens.Llama3Ordinary} and Llama 4 {SpecialTokens.Llama4Ordinary}. "
                + "Is the file complete? Other models need their tokenizer.json."),
        };
    }

    /// <summary>Reads the ranks of a file of any family.</summary>
    internal static TokenTable ReadTokens(string file, ReadOnlySpan<byte> content)
    {
        const int AverageLineBytes = 16;
        var tokens = new TokenTable.Builder(file, content.Length / AverageLineBytes);
        var bytes = new byte[256];
        var line = 0;
        while (!content.IsEmpty)
        {
            line++;
            var end = content.IndexOf((byte)'\n');
            var row = (end < 0 ? content : content[..end]).TrimEnd((byte)'\r');
            content = end < 0 ? default : content[(end + 1)..];
            if (row.IsEmpty)
            {
                continue;
            }

            var blank = row.IndexOf((byte)' ');
            var base64 = blank < 0 ? row : row[..blank];
            if (bytes.Length < base64.Length)
            {
                bytes = new byte[base64.Length];
            }

            if (Base64.DecodeFromUtf8(base64, bytes, out _, out var length) != OperationStatus.Done || length == 0)
            {
                throw new CheckpointException($"{file}: line {line} is no base64 of a token. Lines look like \"SGVsbG8= 42\". The file is damaged.");
            }

            var rankDigits = blank < 0 ? default : row[(blank + 1)..];
            if (!Utf8Parser.TryParse(rankDigits, out int rank, out var used) || used != rankDigits.Length)
            {
                throw new CheckpointException($"{file}: line {line} has no whole number as its rank. Lines look like \"SGVsbG8= 42\". The file is damaged.");
            }

            tokens.Add(rank, bytes.AsSpan(0, length));
        }

        var table = tokens.Build();
        return table.Limit == table.Count ? table : throw new CheckpointException(
            $"{file}: {table.Count} tokens have ranks up to {table.Limit - 1}; ranks go from 0 without gaps. Is the file complete?");
    }

    private static BpeRules Rules(IPieceSplitter splitter) => new(splitter, TakesWholePieces: true, CutsLongRuns: true);
}
