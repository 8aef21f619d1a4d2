using ArchUnitNET.Domain;
using ArchUnitNET.Loader;

namespace GuardSharp.Tests.Architecture;

/// <summary>Who may know whom: the table of docs/architecture.md, held against the compiled library.</summary>
public sealed class RoomTests
{
    private const string Root = "GuardSharp";

    // A new room needs a line here and in docs/architecture.md.
    private static readonly Dictionary<string, string[]> _allowed = new()
    {
        ["Conversations"] = [],
        ["Policies"] = [],
        ["Prompts"] = ["Conversations", "Policies"],
        ["Tokenization"] = [],
        ["Imaging"] = [],
        ["Checkpoints"] = [],
        ["Tensors"] = [],
        ["Models"] = ["Tensors", "Checkpoints"],
        ["Engine"] = ["Models", "Tensors"],
        ["Hub"] = ["Checkpoints"],
        ["Defences"] = ["Conversations", "Policies", "Imaging"],
        ["Remote"] = ["Conversations", "Policies", "Prompts", "Tokenization"],
    };

    // The only foreign libraries that the library uses, and where.
    private static readonly Dictionary<string, string[]> _libraries = new() { ["SkiaSharp"] = ["Imaging"], ["Polly"] = ["Hub", "Remote"] };

    private static readonly ArchUnitNET.Domain.Architecture _library = new ArchLoader().LoadAssemblies(typeof(GuardException).Assembly).Build();

    [Fact]
    public void Every_room_is_known_and_exists() =>
        Assert.Equal(_allowed.Keys.Order(), _library.Types.Where(IsOurs).Select(RoomOf).Where(room => room.Length > 0).Distinct().Order());

    [Fact]
    public void Rooms_know_only_whom_the_table_allows()
    {
        var trespasses =
            from type in _library.Types.Where(IsOurs)
            let room = RoomOf(type)
            where room.Length > 0
            from target in type.Dependencies.Select(dependency => dependency.Target).Where(IsOurs)
            let other = RoomOf(target)
            where other != room && !_allowed.GetValueOrDefault(room, []).Contains(other) && !IsKnownEverywhere(target)
            select $"{type.FullName} ({room}) knows {target.FullName} ({(other.Length > 0 ? other : "the front door")})";
        Assert.Empty(trespasses.Distinct().Order());
    }

    [Fact]
    public void Networks_and_the_engine_do_not_know_which_backend_runs_them() => Assert.Empty(Dependencies("Models", "Tensors.Cpu").Concat(Dependencies("Engine", "Tensors.Cpu")));

    [Fact]
    public void A_network_knows_no_other_network()
    {
        string[] shared = ["Layers", "Verification"];
        var networks = _library.Types.Select(type => type.Namespace?.FullName ?? "")
            .Where(name => name.StartsWith(Root + ".Models.", StringComparison.Ordinal))
            .Select(name => name.Split('.')[2]).Distinct().Except(shared).ToArray();
        Assert.NotEmpty(networks);
        Assert.Empty(from one in networks from other in networks where one != other from line in Dependencies("Models." + one, "Models." + other) select line);
        Assert.Empty(networks.SelectMany(network => Dependencies("Models.Layers", "Models." + network)));
    }

    [Fact]
    public void Foreign_libraries_stay_in_their_room()
    {
        var trespasses =
            from type in _library.Types.Where(IsOurs)
            from target in type.Dependencies.Select(dependency => dependency.Target)
            let library = Library(target)
            where library is not null && !_libraries.GetValueOrDefault(library, []).Contains(RoomOf(type))
            select $"{type.FullName} uses {target.FullName}";
        Assert.Empty(trespasses.Distinct().Order());
    }

    [Theory]
    [InlineData("GuardSharp", "")]
    [InlineData("GuardSharp.Evaluation", "GuardSharp")]
    [InlineData("GuardSharp.Extensions.AI", "GuardSharp")]
    [InlineData("GuardSharp.Server", "GuardSharp GuardSharp.Extensions.AI")]
    [InlineData("GuardSharp.Torch", "GuardSharp")]
    [InlineData("GuardSharp.Cli", "GuardSharp GuardSharp.Evaluation GuardSharp.Server")]
    [InlineData("GuardSharp.Lab", "GuardSharp GuardSharp.Evaluation GuardSharp.Torch")]
    public void Projects_know_only_whom_the_plan_allows(string project, string allowed)
    {
        var references = System.Reflection.Assembly.Load(project).GetReferencedAssemblies().Select(name => name.Name!).ToArray();
        Assert.Empty(references.Where(name => name.StartsWith(Root, StringComparison.Ordinal)).Except(allowed.Split(' ')));
        Assert.Equal(project is "GuardSharp.Torch" or "GuardSharp.Lab", references.Contains("TorchSharp") || allowed.Contains("Torch", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_project_under_src_has_its_rule()
    {
        var ruled = typeof(RoomTests).GetMethod(nameof(Projects_know_only_whom_the_plan_allows))!
            .GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>().Select(row => (string)row.Data[0]!);
        var projects = Directory.EnumerateFiles(Path.Combine(TestFiles.Root, "src"), "*.csproj", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension);
        Assert.Equal(projects.Order(), ruled.Order());
    }

    private static IEnumerable<string> Dependencies(string room, string other) =>
        from type in _library.Types.Where(candidate => IsIn(candidate, room))
        from target in type.Dependencies.Select(dependency => dependency.Target).Where(target => IsIn(target, other))
        select $"{type.FullName} knows {target.FullName}";

    private static bool IsIn(IType type, string room)
    {
        var name = type.Namespace?.FullName ?? "";
        return name == $"{Root}.{room}" || name.StartsWith($"{Root}.{room}.", StringComparison.Ordinal);
    }

    private static bool IsOurs(IType type) => type.Namespace?.FullName is { } name && (name == Root || name.StartsWith(Root + ".", StringComparison.Ordinal));

    // "Tensors" for GuardSharp.Tensors.Cpu; empty for the front door.
    private static string RoomOf(IType type) => (type.Namespace?.FullName ?? "").Split('.') is { Length: > 1 } parts && parts[0] == Root ? parts[1] : "";

    // GuardException and its kinds, the reading of a user's files, and what a guard is, are known everywhere.
    private static bool IsKnownEverywhere(IType type) => RoomOf(type).Length == 0 && (type.Name.EndsWith("Exception", StringComparison.Ordinal)
        || type.Name is nameof(BoundedFile) or nameof(IGuard) or nameof(ClassifyOptions) or nameof(GuardCapabilities));

    private static string? Library(IType type)
    {
        var name = type.Namespace?.FullName.Split('.')[0];
        return string.IsNullOrEmpty(name) || name is Root or "System" or "Microsoft" or "Internal" || IsOurs(type) ? null : name;
    }
}
