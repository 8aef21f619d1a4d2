using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class SafetensorsFileTests
{
    [Fact]
    public void A_well_formed_file_gives_names_types_shapes_and_numbers()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.safetensors"], SafetensorsSample.Build(SafetensorsSample.GoodHeader, 16));
        using var file = SafetensorsFile.Open(folder["x.safetensors"]);

        Assert.Equal(["a", "b"], file.Tensors.Select(tensor => tensor.Name));
        var b = file.Get("b");
        Assert.Equal(TensorType.BF16, b.Type);
        Assert.Equal([2, 2], b.Shape);
        Assert.Equal(8, b.Bytes);
        Assert.Equal(BitConverter.Int32BitsToSingle(0x0908 << 16), b.ToSingles()[0]);
        Assert.False(file.TryGet("c", out _));
    }

    [Theory]
    [InlineData("llama4-tiny/cases/text_short.safetensors", "input_ids", "I64")]
    [InlineData("processing/rope_inv_freq.safetensors", "unscaled", "F32")]
    public void Golden_fixtures_open(string path, string name, string type)
    {
        using var file = SafetensorsFile.Open(TestFiles.Golden(path.Split('/')));
        var tensor = file.Get(name);
        Assert.Equal(type, tensor.Type.FileName());
        Assert.Equal(tensor.Shape.Aggregate(1L, (a, b) => a * b), tensor.Count);
        Assert.NotEmpty(type == "I64" ? tensor.ToIntegers().Select(x => (double)x) : tensor.ToSingles().Select(x => (double)x));
    }

    [Fact]
    public void Tensors_may_be_listed_in_another_order_than_their_data()
    {
        var header = """{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""";
        Assert.Equal(["a", "b"], Parse(header, 8).Tensors.Select(tensor => tensor.Name));
    }

    [Fact]
    public void Empty_tensors_and_scalars_are_tensors()
    {
        var header = """{"empty":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},"scalar":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}""";
        Assert.Equal(2, Parse(header, 8).Tensors.Count);
    }

    [Fact]
    public void Metadata_is_read()
    {
        var header = """{"__metadata__":{"format":"pt","note":"x"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""";
        Assert.Equal("x", Parse(header, 1).Metadata["note"]);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "header is not valid")]
    [InlineData("[1]", 0, "does not begin with")]
    [InlineData("", 0, "does not begin with")]
    [InlineData("""{} {}""", 0, "header is not valid")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "\"a\" is listed twice")]
    [InlineData("""{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}""", 8, "\"a\" has the dtype \"F99\"")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "\"a\" is [3] F32, which takes 12 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "\"a\" is [2] F32")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "\"a\" has a shape that is not")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "\"a\" has a shape that is not")]
    [InlineData("""{"a":{"dtype":"F32","shape":"2","data_offsets":[0,8]}}""", 8, "\"a\" needs a list for shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "\"a\" needs dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", 8, "\"a\" has a data_offsets that is not")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "\"a\" needs dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", 8, "repeated field \"shape\"")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"strides":[1],"data_offsets":[0,8]}}""", 8, "unknown or repeated field \"strides\"")]
    [InlineData("""{"a":3}""", 0, "\"a\" needs an object")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "__metadata__")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "\"b\" begins at byte 4 of the data, but the tensor before it ends at 8: they overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}""", 20, "\"b\" begins at byte 12 of the data, but the tensor before it ends at 8: there is a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "\"a\" ends at byte 8 of the data, but the file holds 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "foreign bytes at its end")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}""", 5, "\"b\" lies at byte")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "\"a\" is [4294967296, 4294967296, 4294967296] F32")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,0,9223372036854775807,9223372036854775807],"data_offsets":[0,4]}}""", 4, "\"a\" is [")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "header is not valid")]
    public void A_damaged_header_is_an_error_that_names_file_and_tensor(string header, int dataBytes, string expected)
    {
        var error = Assert.Throws<CheckpointException>(() => Parse(header, dataBytes));
        Assert.StartsWith("x.safetensors:", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(1000)]
    [InlineData(100_000_001)]
    public void A_lying_header_length_is_an_error_before_anything_is_allocated(long length)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.safetensors"], SafetensorsSample.Build(SafetensorsSample.GoodHeader, 16, length));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["x.safetensors"]));
        Assert.Contains("the header claims", error.Message, StringComparison.Ordinal);
        // A claimed 100 MB would show; the exception and the file handle take some kilobytes.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_too_short_for_its_length_field_is_an_error(int bytes)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.safetensors"], new byte[bytes]);
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["x.safetensors"]));
        Assert.Contains("are no safetensors file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_folder_in_its_place_are_errors()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["none.safetensors"]));
        Directory.CreateDirectory(folder["d.safetensors"]);
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["d.safetensors"]));
    }

    [Fact]
    public void A_file_that_was_refused_can_be_deleted_and_replaced()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.safetensors"], SafetensorsSample.Build("{}", 3));
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["x.safetensors"]));
        using var exclusive = new FileStream(folder["x.safetensors"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }

    [Fact]
    public void A_hostile_name_reaches_the_message_short_and_without_control_characters()
    {
        var header = $$$"""{"{{{new string('n', 10_000)}}}\u001b[31m":{"dtype":"F99","shape":[],"data_offsets":[0,0]}}""";
        var error = Assert.Throws<CheckpointException>(() => Parse(header, 0));
        Assert.InRange(error.Message.Length, 1, 500);
        var control = Assert.Throws<CheckpointException>(() => Parse("""{"\u001b[31m":3}""", 0));
        Assert.DoesNotContain('\u001b', control.Message);
    }

    // Parses as the file does, with the data's beginning at a multiple of 8.
    private static SafetensorsHeader Parse(string header, int dataBytes)
    {
        var file = SafetensorsSample.Build(header, dataBytes);
        return SafetensorsHeader.Parse("x.safetensors", file.AsSpan(8, file.Length - 8 - dataBytes), dataBytes);
    }
}
