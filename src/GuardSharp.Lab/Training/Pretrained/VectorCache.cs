using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>Vectors of texts on the disk, so that the next run need not compute them: records of the text's SHA-256 and its numbers, appended.</summary>
internal sealed class VectorCache : IDisposable
{
    private readonly Dictionary<string, float[]> _vectors = [];
    private readonly FileStream _file;

    /// <summary>Opens or makes the file. A last record that was cut off is dropped.</summary>
    public VectorCache(string path, int size)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        var record = new byte[SHA256.HashSizeInBytes + (size * sizeof(float))];
        while (_file.ReadAtLeast(record, record.Length, throwOnEndOfStream: false) == record.Length)
            _vectors[Convert.ToHexString(record.AsSpan(0, SHA256.HashSizeInBytes))] = MemoryMarshal.Cast<byte, float>(record.AsSpan(SHA256.HashSizeInBytes)).ToArray();
        _file.SetLength((long)_vectors.Count * record.Length);
        _file.Position = _file.Length;
    }

    /// <summary>The vector of a text, or null.</summary>
    public float[]? Find(string text) => _vectors.GetValueOrDefault(Convert.ToHexString(Digest(text)));

    /// <summary>Keeps a vector.</summary>
    public void Add(string text, float[] vector)
    {
        var digest = Digest(text);
        if (!_vectors.TryAdd(Convert.ToHexString(digest), vector))
            return;
        _file.Write(digest);
        _file.Write(MemoryMarshal.AsBytes(vector.AsSpan()));
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static byte[] Digest(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
