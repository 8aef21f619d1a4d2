namespace GuardSharp.Tests.Server;

/// <summary>A small picture for requests.</summary>
internal static class TestPicture
{
    /// <summary>A PNG file of 123 by 77 pixels.</summary>
    public static string Path { get; } = TestFiles.Golden("preprocessing", "expected_llama4", "palette_123x77.png");

    /// <summary>Its bytes.</summary>
    public static byte[] Bytes => File.ReadAllBytes(Path);

    /// <summary>It as base64.</summary>
    public static string Base64 => Convert.ToBase64String(Bytes);

    /// <summary>It as a data URI.</summary>
    public static string DataUri => $"data:image/png;base64,{Base64}";
}
