using System.Buffers.Binary;
using System.Text.Json;

namespace GuardSharp.Tests.Imaging;

/// <summary>The raw bytes of each tensor of a golden safetensors file: imaging knows no checkpoints, and its tests neither.</summary>
internal static class GoldenTensors
{
    public static Dictionary<string, byte[]> Read(string path)
    {
        var file = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, length));
        return header.RootElement.EnumerateObject().Where(t => t.Name != "__metadata__").ToDictionary(t => t.Name, t =>
        {
            var range = t.Value.GetProperty("data_offsets");
            return file[(8 + length + range[0].GetInt32())..(8 + length + range[1].GetInt32())];
        });
    }
}
