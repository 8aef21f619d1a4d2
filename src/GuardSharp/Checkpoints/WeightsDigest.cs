using System.Security.Cryptography;

namespace GuardSharp.Checkpoints;

/// <summary>What tells the weights of a verdict from others.</summary>
/// <param name="Hex">64 hexadecimal digits.</param>
/// <param name="IsSample">
/// False: SHA-256 of all bytes; of one file it is what <c>sha256sum</c> prints, of shards the SHA-256 over their binary SHA-256 in the order of their names.
/// True: the weights exceed 64 MiB and only length, header and 16 blocks of 4 KiB of each file were read.
/// </param>
/// <remarks>
/// Reading 24 GB before the first verdict would take half a minute from a good disk. The sample tells two fine-tunes of one architecture apart (training
/// moves nearly every weight), but does not prove that no byte was changed: whoever needs that records the full hash in guardsharp.json and checks it once.
/// </remarks>
internal sealed record WeightsDigest(string Hex, bool IsSample)
{
    /// <summary>Weights up to this many bytes are hashed in full: 64 MiB, about 0.1 s.</summary>
    public const long FullHashBytes = 64L << 20;

    private const int Samples = 16;
    private const int SampleBytes = 4096;
    // Block that is hashed at a time.
    private const int BlockBytes = 1 << 20;

    /// <summary>The first 12 digits as verdicts show them; <c>~</c> marks a sample.</summary>
    public string Short => (IsSample ? "~" : "") + Hex[..12];

    /// <summary>This digest, or in place of a sample the hash that the model's maker recorded.</summary>
    public WeightsDigest OrRecorded(GuardManifest? manifest) => IsSample && manifest?.WeightsSha256 is { } recorded ? new WeightsDigest(recorded, false) : this;

    /// <summary>Hashes the files: in full up to 64 MiB in all, else by sample.</summary>
    public static WeightsDigest Compute(IReadOnlyList<IWeightsFile> files) => Compute(files, TotalBytes(files) <= FullHashBytes);

    /// <summary>Hashes all bytes, however many.</summary>
    public static WeightsDigest ComputeFull(IReadOnlyList<IWeightsFile> files) => Compute(files, full: true);

    internal static WeightsDigest Compute(IReadOnlyList<IWeightsFile> files, bool full)
    {
        var hashes = files.Select(file => full ? HashAll(file) : HashSample(file)).ToArray();
        var hash = hashes.Length == 1 ? hashes[0] : SHA256.HashData(hashes.SelectMany(bytes => bytes).ToArray());
        return new WeightsDigest(Convert.ToHexStringLower(hash), !full);
    }

    private static long TotalBytes(IReadOnlyList<IWeightsFile> files)
    {
        var bytes = 0L;
        foreach (var file in files)
        {
            bytes += file.Bytes;
        }

        return bytes;
    }

    private static byte[] HashAll(IWeightsFile file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var offset = 0L; offset < file.Bytes; offset += BlockBytes)
        {
            hash.AppendData(file.Slice(offset, (int)Math.Min(BlockBytes, file.Bytes - offset)));
        }

        return hash.GetHashAndReset();
    }

    private static byte[] HashSample(IWeightsFile file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BitConverter.GetBytes(file.Bytes));
        hash.AppendData(file.Slice(0, (int)file.DataStart));
        var dataBytes = file.Bytes - file.DataStart;
        for (var sample = 0; sample < Samples; sample++)
        {
            // Sixteenths of the data, the first block at its beginning.
            var offset = file.DataStart + (long)((Int128)dataBytes * sample / Samples);
            hash.AppendData(file.Slice(offset, (int)Math.Min(SampleBytes, file.Bytes - offset)));
        }

        return hash.GetHashAndReset();
    }
}
