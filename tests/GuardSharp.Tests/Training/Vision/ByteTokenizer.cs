using System.Text;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Training.Vision;

/// <summary>One token a byte.</summary>
internal sealed class ByteTokenizer : ITokenizer
{
    public int VocabularySize => 256;

    public void Encode(string text, List<int> ids) => ids.AddRange(Encoding.UTF8.GetBytes(text).Select(b => (int)b));

    public bool TryGetSpecial(string name, out int id)
    {
        id = 0;
        return false;
    }

    public ReadOnlyMemory<byte> BytesOf(int id) => new[] { (byte)id };
}
