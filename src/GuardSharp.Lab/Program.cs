Console.WriteLine("guardsharp-lab");
