using System.Buffers.Binary;
using System.Text;

namespace GuardSharp.Tests.Checkpoints;

/// <summary>Builds safetensors files by hand, right and wrong.</summary>
internal static class SafetensorsSample
{
    /// <summary>A header of two tensors over 16 bytes.</summary>
    public const string GoodHeader = """
        {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[8,16]}}
        """;

    /// <summary>Length, header and data; the header is padded with blanks to a multiple of 8.</summary>
    public static byte[] Build(string header, int dataBytes, long? claimedLength = null)
    {
        var json = Encoding.UTF8.GetBytes(header.Trim());
        var padded = (json.Length + 7) / 8 * 8;
        var file = new byte[8 + padded + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, claimedLength ?? padded);
        file.AsSpan(8, padded).Fill((byte)' ');
        json.CopyTo(file, 8);
        for (var i = 0; i < dataBytes; i++)
        {
            file[8 + padded + i] = (byte)i;
        }

        return file;
    }
}
